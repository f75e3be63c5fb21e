"""What BI tools and dbt are given."""
