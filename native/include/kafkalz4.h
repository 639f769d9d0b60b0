/* The LZ4 frames that Kafka's clients read: independent blocks, here of 64 KB as the Java producer makes them
 * (org.apache.kafka.common.compress.Lz4BlockOutputStream); no checksums of their own, the batch has one. */
#ifndef FAIRLEAD_KAFKALZ4_H
#define FAIRLEAD_KAFKALZ4_H

#include <lz4frame.h>

#define FAIRLEAD_LZ4_BLOCK 65536 /* bytes */

/* `level` as in LZ4F: 0 fast, below it faster, 3 to 12 high compression. */
static LZ4F_preferences_t fairlead_lz4_preferences(int level) {
    LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
    preferences.frameInfo.blockSizeID = LZ4F_max64KB;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    preferences.compressionLevel = level < -65536 ? -65536 : level;
    return preferences;
}

#endif
