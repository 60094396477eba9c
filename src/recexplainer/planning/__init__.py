"""What a run will take, before it is started: jobs, time, memory, disk, USD."""
