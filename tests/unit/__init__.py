"""Tests of single modules."""

from __future__ import annotations

import hypothesis

# A machine that is busy with something else is no fault of the code under test.
hypothesis.settings.register_profile(
    'vpmem_harness', deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile('vpmem_harness')
