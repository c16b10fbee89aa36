"""IS IT A GOOD DIVISION, AND A BETTER ONE: GeoDataFrames in and out; knows no database and no HTTP."""
