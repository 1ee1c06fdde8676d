"""The stub and real Nova, asked for the same, step by step: where they differ, one is wrong.

``test_agreement`` runs some sequences with every run of the suite; more are run by hand::

    python -m tests.functional.nova.agreement --sequences 200 --seed 1
"""
