"""WHO OWNS IT: a point, a file or a stream of points, answered by the editions in force."""
