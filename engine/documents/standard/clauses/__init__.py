"""One clause of GB/T 9704-2012 a file: ``PROFILES`` says which documents it is asked of, ``check`` finds what deviates."""
