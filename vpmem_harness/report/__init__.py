"""Reports: one HTML page about hosts and clouds, with redacted texts.

:func:`collect` reads live hosts and clouds, :func:`page` renders what it found, and :func:`write`
saves the page. The page needs no other file and no network.
"""

from __future__ import annotations

from vpmem_harness.report.collect import collect
from vpmem_harness.report.files import about, check_directory, file_name, save, write
from vpmem_harness.report.model import Report
from vpmem_harness.report.page import page

__all__ = ['Report', 'about', 'check_directory', 'collect', 'file_name', 'page', 'save', 'write']
