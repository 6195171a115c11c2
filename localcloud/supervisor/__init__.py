"""The process supervisor: starts the parts of the local stack, keeps them running, stops them together.

One supervisor owns one data folder. Programs find a running stack through ``endpoints.json`` in that folder
(:mod:`localcloud.supervisor.folder`).
"""
