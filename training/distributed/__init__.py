"""Several devices or machines that train one model.

`workers` joins the processes and watches them; `cluster` reads who they are from the environment.
"""
