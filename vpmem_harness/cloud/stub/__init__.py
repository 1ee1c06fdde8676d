"""The compute-service stub, which needs no part of OpenStack."""
