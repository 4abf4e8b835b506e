using Broker.Machines.Cluster;

namespace Broker.Machines.Replication;

/// <summary>
/// What replicas tell each other, as bytes (docs/cluster.md, "Replication"): a kind, epoch and session, then what the kind has. Behind a <see cref="ReplicaMessage.Records"/> come the records, for
/// <see cref="ReplicatedRecordCodec"/>.
/// </summary>
public static class ReplicaMessageCodec
{
    private const ulong Follow = 1;
    private const ulong Align = 2;
    private const ulong Snapshot = 3;
    private const ulong Records = 4;
    private const ulong Beat = 5;
    private const ulong Acknowledge = 6;

    /// <summary>Writes a message.</summary>
    public static void Write(ReplicaWriter writer, ReplicaMessage message)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(message);
        writer.Number(message switch
        {
            ReplicaMessage.Follow => Follow,
            ReplicaMessage.Align => Align,
            ReplicaMessage.Snapshot => Snapshot,
            ReplicaMessage.Records => Records,
            ReplicaMessage.Beat => Beat,
            ReplicaMessage.Acknowledge => Acknowledge,
            _ => throw new ArgumentException($"replica message {message}", nameof(message)),
        });
        writer.Number((ulong)message.Epoch);
        writer.Number((ulong)message.Session);
        switch (message)
        {
            case ReplicaMessage.Follow m:
                writer.Text(m.Life.Node);
                writer.Fixed((ulong)m.Life.Incarnation);
                writer.Text(m.Replica.Node);
                writer.Identifier(m.Replica.Store);
                Write(writer, m.Log);
                break;
            case ReplicaMessage.Align m:
                writer.Number(m.CommonEnd);
                break;
            case ReplicaMessage.Snapshot m:
                Write(writer, m.Log);
                break;
            case ReplicaMessage.Records m:
                writer.Number(m.First);
                writer.Number(m.Committed);
                writer.Number((ulong)m.Runs.Count);
                foreach (var run in m.Runs)
                {
                    writer.Number((ulong)run.Epoch);
                    writer.Number(run.Count);
                }

                break;
            case ReplicaMessage.Beat m:
                writer.Number(m.Committed);
                break;
            case ReplicaMessage.Acknowledge m:
                writer.Number(m.Certain);
                break;
            default:
                break;
        }
    }

    /// <summary>Reads a message. Of <see cref="ReplicaMessage.Records"/>, the records are left to be read.</summary>
    /// <exception cref="ReplicaFormatException">It is none.</exception>
    public static ReplicaMessage Read(ReplicaReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var kind = reader.Number();
        var epoch = (long)reader.Number();
        var session = (long)reader.Number();
        return kind switch
        {
            Follow => new ReplicaMessage.Follow(
                epoch, session, new NodeLife(reader.Text(), (long)reader.Fixed()), new ReplicaId(reader.Text(), reader.Identifier()), ReadLineage(reader)),
            Align => new ReplicaMessage.Align(epoch, session, reader.Number()),
            Snapshot => new ReplicaMessage.Snapshot(epoch, session, ReadLineage(reader)),
            Records => ReadRecords(reader, epoch, session),
            Beat => new ReplicaMessage.Beat(epoch, session, reader.Number()),
            Acknowledge => new ReplicaMessage.Acknowledge(epoch, session, reader.Number()),
            _ => throw new ReplicaFormatException($"a replica has sent a message of kind {kind}, which this version of the broker does not know"),
        };
    }

    /// <summary>Writes a lineage.</summary>
    public static void Write(ReplicaWriter writer, Lineage log)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(log);
        writer.Number(log.First);
        writer.Number(log.Last);
        writer.Number((ulong)log.Eras.Count);
        foreach (var era in log.Eras)
        {
            writer.Number((ulong)era.Epoch);
            writer.Number(era.First);
        }
    }

    /// <summary>Reads a lineage.</summary>
    /// <exception cref="ReplicaFormatException">It is none.</exception>
    public static Lineage ReadLineage(ReplicaReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var (first, last) = (reader.Number(), reader.Number());
        var eras = new Era[reader.Count(minBytes: 2)];
        for (var i = 0; i < eras.Length; i++)
        {
            eras[i] = new Era((long)reader.Number(), reader.Number());
        }

        try
        {
            return new Lineage(first, eras, last);
        }
        catch (InvariantViolationException e)
        {
            throw new ReplicaFormatException($"a replica has sent a lineage that contradicts itself: {e.Message}");
        }
    }

    private static ReplicaMessage.Records ReadRecords(ReplicaReader reader, long epoch, long session)
    {
        var first = reader.Number();
        var committed = reader.Number();
        var runs = new EpochRun[reader.Count(minBytes: 2)];
        for (var i = 0; i < runs.Length; i++)
        {
            runs[i] = new EpochRun((long)reader.Number(), reader.Number());
        }

        return new ReplicaMessage.Records(epoch, session, first, runs, committed);
    }
}
