"""``./dev chaos``: jobs under kills, cuts and refusals, and what must hold afterwards.

What happens is drawn beforehand from a seed (:mod:`devtools.chaos.plan`); what is found afterwards is judged by
pure rules (:mod:`devtools.chaos.verdict`).
"""
