/* The other route to Kafka: librdkafka fed with a file's lines from C.
 *
 *     produce FILE BROKERS TOPIC batch|keyed
 *
 * Idempotent, acks=all, lz4. `batch` is the cheapest way: rd_kafka_produce_batch, values alone, not copied, to partitions in turn, a batch
 * each. `keyed` produces what the agent does: each line with its source as key and a header, by rd_kafka_producev. Every delivery is looked
 * at, since only what was acknowledged may move a position. Prints the count of lines that were acknowledged, then waits for its end. */
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH = 2000, PARTITIONS = 3 };

static long acknowledged, failed;

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    (void)producer, (void)opaque;
    if (message->err)
        failed++;
    else
        acknowledged++;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char error[512];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "%s: %s\n", name, error);
        exit(2);
    }
}

static rd_kafka_t *connect_to(const char *brokers) {
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "compression.codec", "lz4");
    set(conf, "linger.ms", "10");
    set(conf, "batch.size", "900000");
    set(conf, "batch.num.messages", "100000");
    set(conf, "queue.buffering.max.messages", "100000");
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (!producer) {
        fprintf(stderr, "%s\n", error);
        exit(2);
    }
    return producer;
}

static char *take_line(char **at, char *end, size_t *length) {
    char *line = *at, *newline = memchr(line, '\n', (size_t)(end - line));
    *at = newline ? newline + 1 : end;
    *length = (size_t)((newline ? newline : end) - line);
    return line;
}

static void produce_batches(rd_kafka_t *producer, const char *name, char *at, char *end) {
    static rd_kafka_message_t messages[BATCH];
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, name, NULL);
    for (int32_t partition = 0; at < end; partition = (partition + 1) % PARTITIONS) {
        int count = 0, taken = 0;
        memset(messages, 0, sizeof messages);
        for (; count < BATCH && at < end; count++)
            messages[count].payload = take_line(&at, end, &messages[count].len);
        while (taken < count) {
            taken += rd_kafka_produce_batch(topic, partition, 0, messages + taken, count - taken);
            /* A full queue: the rest is offered again once some were delivered. */
            rd_kafka_poll(producer, taken < count ? 5 : 0);
        }
    }
    rd_kafka_topic_destroy(topic);
}

static void produce_keyed(rd_kafka_t *producer, const char *name, char *at, char *end) {
    static const char key[] = "0123456789abcdef0123456789abcdef";
    for (long made = 0; at < end; made++) {
        size_t length;
        char *line = take_line(&at, end, &length);
        while (rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(name), RD_KAFKA_V_VALUE(line, length), RD_KAFKA_V_KEY(key, sizeof key - 1),
                                 RD_KAFKA_V_HEADER("fairlead-kind", "log", 3), RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(producer, 5);
        if (made % BATCH == 0)
            rd_kafka_poll(producer, 0);
    }
}

int main(int argc, char **argv) {
    struct stat facts;
    int file = argc == 5 ? open(argv[1], O_RDONLY) : -1;
    if (file < 0 || fstat(file, &facts)) {
        fprintf(stderr, "usage: produce FILE BROKERS TOPIC batch|keyed\n");
        return 2;
    }
    size_t size = (size_t)facts.st_size;
    char *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) {
        perror(argv[1]);
        return 2;
    }
    rd_kafka_t *producer = connect_to(argv[2]);
    (strcmp(argv[4], "keyed") ? produce_batches : produce_keyed)(producer, argv[3], data, data + size);
    rd_kafka_flush(producer, 60000);
    printf("%ld\n", acknowledged);
    fflush(stdout);
    if (failed)
        fprintf(stderr, "%ld lines were not delivered\n", failed);
    pause();
    rd_kafka_destroy(producer);
    return failed != 0;
}
