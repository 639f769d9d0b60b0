"""A collector's store on OpenSearch, for what outgrows one machine."""
