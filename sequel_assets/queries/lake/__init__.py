"""A lake: the warehouse as Parquet files with a manifest, in a folder or in S3. What it holds, and how it is read."""
