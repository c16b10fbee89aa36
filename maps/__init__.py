"""PICTURES: Folium maps; GeoDataFrames in, HTML out; knows no database and no HTTP."""
