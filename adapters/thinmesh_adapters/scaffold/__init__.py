"""What `thinmesh adapter new` writes: each file ends in .tmpl, and `@name@`, `@dist@` and the like stand for what differs."""
