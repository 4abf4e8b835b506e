using Broker.Machines.Ledgers;
using Broker.Machines.Messages;
using Broker.Machines.Queues;

namespace Broker.Machines.Tests.Queues;

/// <summary>A log that keeps every record of a durable queue for ever, and reads messages back as a disk does: whole records at a time, and only those that are certain.</summary>
internal sealed class QueueDisk
{
    private readonly List<Logged> _records = []; // those with messages

    private readonly record struct Logged(ulong Index, ulong First, ReadOnlyMemory<StoredMessage> Messages)
    {
        public ulong Last => First + (ulong)Messages.Length - 1;
    }

    /// <summary>Positions that cannot be read.</summary>
    public HashSet<ulong> Damaged { get; } = [];

    /// <summary>Number of the last record that is on the disk.</summary>
    public ulong CertainIndex { get; set; }

    public void Append(ulong index, QueueRecord record)
    {
        if (record.Messages.Length > 0)
        {
            _records.Add(new Logged(index, record.FirstPosition, record.Messages));
        }
    }

    /// <summary>The message of a position, readable or not.</summary>
    public StoredMessage MessageAt(ulong position)
    {
        var record = _records.Find(r => r.First <= position && r.Last >= position);
        return record.Messages.Span[(int)(position - record.First)];
    }

    /// <summary>What is left once those records are gone that were not certain.</summary>
    public QueueDisk AfterCrash() => With(_records.Where(r => r.Index <= CertainIndex), CertainIndex);

    /// <summary>The same, with everything that was ever logged on it.</summary>
    public QueueDisk WithAllCertain() => With(_records, ulong.MaxValue);

    /// <summary>Reads what a load asks for.</summary>
    /// <param name="load">From where on, and about how much.</param>
    /// <param name="messages">What can be read, with all messages of each record, needed or not.</param>
    /// <param name="last">Up to where.</param>
    /// <returns><c>false</c> if the first record is not on the disk yet.</returns>
    public bool TryRead(QueueEffect.Load load, out List<(ulong Position, StoredMessage Message)> messages, out ulong last)
    {
        messages = [];
        last = 0;
        long bytes = 0;
        foreach (var record in _records.Where(r => r.Last >= load.Position && r.Index <= CertainIndex))
        {
            if (bytes >= load.Bytes)
            {
                break;
            }

            for (var i = 0; i < record.Messages.Length; i++)
            {
                var message = record.Messages.Span[i];
                bytes += message.SizeBytes;
                if (!Damaged.Contains(record.First + (ulong)i))
                {
                    messages.Add((record.First + (ulong)i, message));
                }
            }

            last = record.Last;
        }

        return last > 0;
    }

    private QueueDisk With(IEnumerable<Logged> records, ulong certainIndex)
    {
        var disk = new QueueDisk { CertainIndex = certainIndex };
        disk._records.AddRange(records);
        disk.Damaged.UnionWith(Damaged);
        return disk;
    }
}
