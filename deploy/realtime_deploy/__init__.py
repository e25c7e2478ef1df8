"""What of the deployment is generated: the chart's schema and README, its copies of rules and dashboards."""
