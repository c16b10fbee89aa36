"""WHAT IS STORED: one module a layer, on PostGIS, and the ways in and out of it."""
