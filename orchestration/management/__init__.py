"""Jobs beyond their run: listing, statistics, retention, reruns, dead letters, audit."""
