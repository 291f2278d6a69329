"""Pictures of the explorer's pages, each from figures that the page also shows as a table."""
