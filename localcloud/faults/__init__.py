"""Proxies on loopback that break connections on purpose, for tests of what survives it.

:mod:`localcloud.faults.tables` stands before the Table endpoint, :mod:`localcloud.faults.tcp` before anything
that talks over TCP. What goes wrong is decided by :mod:`localcloud.faults.decisions`, from a seed.
"""
