"""WHO OWNS A POINT: arrays in, arrays out; knows no database and no HTTP."""
