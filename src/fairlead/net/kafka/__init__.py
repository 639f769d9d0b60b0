"""Kafka without policy: how to connect, an idempotent producer of whole record batches, a consumer.

aiokafka gives connections, TLS, SASL, metadata and the consumer group; what is hot (framing, compression, checksums) is native.
"""
