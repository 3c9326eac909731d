"""The first drafts of the Word templates: markup in house style (GB/T 9704-2012), one kind of document a file."""
