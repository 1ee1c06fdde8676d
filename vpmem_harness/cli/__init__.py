"""The command ``vpmem-harness``."""
