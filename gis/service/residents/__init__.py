"""WHAT RESIDENTS GET: the public layer, the site, the handbook, walking times, corrections."""
