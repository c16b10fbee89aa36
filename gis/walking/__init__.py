"""How far it is on foot: networks, minutes, areas, coverage and where a new point would help most.

Frames and arrays in, arrays and frames out; no database, no HTTP. Start with
:func:`gis.walking.network.network_of_streets` or :func:`gis.walking.osmnx_graph.read_osmnx`, then
:func:`gis.walking.minutes.walking_metres`.
"""
