"""What is taken out of a ledger to stand elsewhere: journals, tables, statements, case files."""
