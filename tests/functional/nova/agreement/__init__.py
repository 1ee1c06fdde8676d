"""Comparison of the stub with real Nova, step by step: a difference is an error in one of them.

``test_agreement`` runs some sequences in every run of the suite; run more by hand::

    python -m tests.functional.nova.agreement --sequences 200 --seed 1
"""
