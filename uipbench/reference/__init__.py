"""The DFT reference engine: recipe → resumable queue → reference files.

Only :mod:`uipbench.reference.gpaw_calculator` imports GPAW, and only when a calculation
is not yet in the step store.
"""
