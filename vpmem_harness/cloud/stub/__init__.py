"""The compute-service stub: nothing of OpenStack is needed for it."""
