"""Run directories: everything that a training leaves behind.

`run_directory` reads and writes the folder of a run, `best_epoch` keeps the best model, `pictures`
draws, `metrics_file` shortens metrics.jsonl, `folder_lock` keeps two programs apart, and
`provenance` states what a result came from.
"""
