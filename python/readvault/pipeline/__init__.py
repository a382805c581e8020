"""The steps of one job, from a finished source to an announced archive: plan, compress, index, verify, record,
announce, tier.

The steps are pure: what they need (a store, a place to write progress to) is passed in, what they give is plain JSON.
The vault runs them on one machine; a fleet runs the same ones.
"""
