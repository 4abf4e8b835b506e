using Broker.Storage.Disks;
using Broker.Storage.Records;
using Broker.Storage.Recovery;

namespace Broker.Storage.Log;

/// <summary>How a log that is in use is read.</summary>
public sealed partial class WriteAheadLog
{
    /// <summary>Reads some of the records that are on the disk now, in order. Any thread; blocks for as long as it takes.</summary>
    /// <param name="isWanted">Whether a record is of interest, by its header.</param>
    /// <param name="onRecord">Gets each that is. Its bytes are good during the call only; its messages are not compared with their checksums.</param>
    /// <param name="onDamage">Hears of records that cannot be read: of those that are wanted, and of those of which that cannot be told.</param>
    /// <returns><c>false</c> if a file was given up meanwhile: to be done again, from the beginning.</returns>
    /// <exception cref="DiskException">The disk failed.</exception>
    public bool TryScan(Func<RecordHeader, bool> isWanted, Action<StoredRecord> onRecord, Action<StoreDamage> onDamage)
    {
        ArgumentNullException.ThrowIfNull(isWanted);
        ArgumentNullException.ThrowIfNull(onRecord);
        ArgumentNullException.ThrowIfNull(onDamage);
        var synced = SyncedPosition;
        try
        {
            foreach (var file in _files.All())
            {
                var end = Math.Min(file.End, synced) - file.BasePosition;
                if (end > FileHeader.Size)
                {
                    Scan(new RecordWindow(file.File, Key, file.BasePosition, end), isWanted, onRecord, onDamage);
                }
            }

            return true;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    private static void Scan(RecordWindow window, Func<RecordHeader, bool> isWanted, Action<StoredRecord> onRecord, Action<StoreDamage> onDamage)
    {
        for (long offset = FileHeader.Size; offset + RecordHeader.Size <= window.End;)
        {
            if (!window.TryHeader(offset, out var header))
            {
                var next = window.FindHeader(offset + RecordHeader.Alignment);
                next = next < 0 ? window.End : next;
                onDamage(new StoreDamage { File = window.File.Path, Offset = offset, Length = next - offset, Reason = "the header of a record is damaged" });
                offset = next;
                continue;
            }

            if (isWanted(header))
            {
                if (window.TryRecord(offset, header) is { IsControlIntact: true } record)
                {
                    onRecord(record);
                }
                else
                {
                    onDamage(new StoreDamage { File = window.File.Path, Offset = offset, Length = header.Length, Entity = header.Entity, Reason = "the operations of a record are damaged" });
                }
            }

            offset += header.PaddedLength;
        }
    }
}
