"""The commands of ``vpmem-harness`` for fleets."""
