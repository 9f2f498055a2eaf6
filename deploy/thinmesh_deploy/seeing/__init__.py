"""What watches the mesh from outside: objectives, rules for Prometheus, a dashboard for Grafana."""
