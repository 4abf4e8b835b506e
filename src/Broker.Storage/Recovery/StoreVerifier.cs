using Broker.Storage.Disks;
using Broker.Storage.Log;
using Broker.Storage.Records;
using Broker.Storage.Segments;

namespace Broker.Storage.Recovery;

/// <summary>What checking one file has shown.</summary>
/// <param name="File">Path of the file on the store's disk.</param>
/// <param name="Bytes">Bytes that count.</param>
/// <param name="Records">Records that are as they were written.</param>
/// <param name="Damages">What is not.</param>
public sealed record VerifiedFile(string File, long Bytes, long Records, IReadOnlyList<StoreDamage> Damages);

/// <summary>Reads what is on the disk and compares it with its checksums, while the store is in use. Blocks; call it from a thread that may wait.</summary>
public static class StoreVerifier
{
    /// <summary>Checks the files of the log, oldest first, as far as they were synced when each is read.</summary>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static IEnumerable<VerifiedFile> VerifyLog(WriteAheadLog log)
    {
        ArgumentNullException.ThrowIfNull(log);
        foreach (var file in log.Files)
        {
            if (TryVerify(log, file) is { } verified)
            {
                yield return verified;
            }
        }
    }

    /// <summary>Checks one segment.</summary>
    /// <param name="segments">The segments.</param>
    /// <param name="queue">Whose.</param>
    /// <param name="segment">Its number.</param>
    /// <param name="length">Up to where it counts.</param>
    /// <exception cref="DiskException">The disk failed.</exception>
    public static VerifiedFile VerifySegment(SegmentStore segments, ulong queue, uint segment, long length)
    {
        ArgumentNullException.ThrowIfNull(segments);
        var path = segments.PathOf(queue, segment);
        using var file = segments.TryOpen(queue, segment);
        return file is null
            ? new VerifiedFile(path, 0, 0, [new StoreDamage { File = path, Offset = 0, Length = length, Entity = queue, Reason = "the segment is missing" }])
            : Verify(new RecordWindow(file, segments.Key, 0, Math.Min(length, file.Length)), length, queue);
    }

    /// <summary>A file that is retired meanwhile is no longer of interest.</summary>
    private static VerifiedFile? TryVerify(WriteAheadLog log, LogFile file)
    {
        try
        {
            var end = Math.Min(file.End, log.SyncedPosition) - file.BasePosition;
            var verified = Verify(new RecordWindow(file.File, log.Key, file.BasePosition, end), end, queue: null);
            return log.StartPosition <= file.BasePosition ? verified : null;
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
    }

    private static VerifiedFile Verify(RecordWindow window, long expectedEnd, ulong? queue)
    {
        var damages = new List<StoreDamage>();
        long records = 0;
        long offset = FileHeader.Size;
        while (offset + RecordHeader.Size <= window.End)
        {
            var record = window.TryHeader(offset, out var header) ? window.TryRecord(offset, header) : null;
            var damaged = record is null ? 0 : record.IsControlIntact ? record.Messages().Count(m => m.State == StoredMessageState.Damaged) : header.MessageCount;
            if (record is { IsControlIntact: true } && damaged == 0)
            {
                records++;
                offset += header.PaddedLength;
                continue;
            }

            var next = record is null ? window.FindHeader(offset + RecordHeader.Alignment) : offset + header.PaddedLength;
            damages.Add(new StoreDamage
            {
                File = window.File.Path,
                Offset = offset,
                Length = (next < 0 ? window.End : next) - offset,
                Entity = record is null ? queue : header.Entity,
                FirstPosition = record is null ? 0 : header.FirstPosition,
                MessageCount = damaged,
                Reason = record is null ? "the header of a record is damaged" : record.IsControlIntact ? "messages of a record are damaged" : "the operations of a record are damaged",
            });
            offset = next < 0 ? window.End : next;
        }

        if (window.End < expectedEnd)
        {
            damages.Add(new StoreDamage { File = window.File.Path, Offset = window.End, Length = expectedEnd - window.End, Entity = queue, Reason = "the file is shorter than it was" });
        }

        return new VerifiedFile(window.File.Path, window.End, records, damages);
    }
}
