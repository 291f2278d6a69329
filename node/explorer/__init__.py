"""The explorer: pages for people over one node's committed ledger, served beside its API.

Rendered on the server, readable without scripts, in English, Russian and Chinese. A page is one
declaration (:class:`node.explorer.site.Page`); a table is one declaration
(:class:`node.explorer.table.Table`) that gives HTML, CSV and Parquet.

To add a page:

1. Write ``pages/NAME.py`` with a function from a :class:`~node.explorer.view.View` to the values of
   its template, and declare it::

       LOTS = Table("lots", msg("Lots"), columns=(
           Column("lot", msg("Lot"), Format.ID, lambda lot: lot.id),
           Column("value", msg("Value"), Format.AMOUNT, lambda lot: Money(lot.value, "GV")),
       ), read=lots_of)

       PAGES = (
           Page("/lots", msg("Lots"), render=lots, template="list.html", group=Group.TRADE,
                tables=(LOTS,)),
       )

   ``view.show(LOTS)`` in the function gives what the template's ``{{ table(...) }}`` takes.
   ``list.html`` shows a title, an introduction and the tables that the function returned as
   ``tables``; anything else has a template of its own that extends ``layout.html``.
   Every page offers the proof of the block that it reflects; a page about one object also returns
   ``proofs`` of its record (:mod:`node.explorer.proofs`).
2. Name the module in ``pages/__init__.py``.
3. Add its texts to ``locale/*/LC_MESSAGES/messages.po``. Names of operations, fields and states
   need none: they come from the declarations (:func:`View.label`). A test names what is missing.

Nothing here writes, and nothing here is asked by consensus.
"""
