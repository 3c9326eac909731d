"""The organisation: Party units, departments, people, posts, delegation, accounts; import from a workbook."""
