namespace Broker.Machines.Replication;

/// <summary>A message within a record, with what is kept beside its bytes.</summary>
public readonly record struct ReplicatedMessage(ReadOnlyMemory<byte> Bytes, ulong Meta);

/// <summary>A record of a shard's log as it goes from one replica to another.</summary>
/// <param name="Kind">What it is, by the number that it has on disk.</param>
/// <param name="Epoch">The epoch that it was written in.</param>
/// <param name="Entity">Whose it is.</param>
/// <param name="Index">Its number among those of its entity.</param>
/// <param name="FirstPosition">Position in the queue of its first message.</param>
/// <param name="Operations">The operations, as they are on disk.</param>
/// <param name="Messages">What it brings in.</param>
public readonly record struct WireRecord(
    byte Kind, long Epoch, ulong Entity, ulong Index, ulong FirstPosition, ReadOnlyMemory<byte> Operations, IReadOnlyList<ReplicatedMessage> Messages);

/// <summary>The bytes of records between replicas.</summary>
public static class ReplicatedRecordCodec
{
    /// <summary>Writes all of a record but its messages, which are to follow.</summary>
    public static void WriteHead(ReplicaWriter writer, byte kind, long epoch, ulong entity, ulong index, ulong firstPosition, ReadOnlySpan<byte> operations, int messageCount)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Number(kind);
        writer.Number((ulong)epoch);
        writer.Fixed(entity);
        writer.Number(index);
        writer.Number(firstPosition);
        writer.Bytes(operations);
        writer.Number((ulong)messageCount);
    }

    /// <summary>Writes a message of a record.</summary>
    public static void WriteMessage(ReplicaWriter writer, ReadOnlySpan<byte> bytes, ulong meta)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.Fixed(meta);
        writer.Bytes(bytes);
    }

    /// <summary>Reads a record.</summary>
    /// <exception cref="ReplicaFormatException">There is none.</exception>
    public static WireRecord Read(ReplicaReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var kind = (byte)reader.Number(byte.MaxValue);
        var epoch = (long)reader.Number();
        var entity = reader.Fixed();
        var index = reader.Number();
        var firstPosition = reader.Number();
        var operations = reader.Bytes();
        var messages = new ReplicatedMessage[reader.Count(minBytes: 9)];
        for (var i = 0; i < messages.Length; i++)
        {
            messages[i] = ReadMessage(reader);
        }

        return new WireRecord(kind, epoch, entity, index, firstPosition, operations, messages);
    }

    /// <summary>Reads a message of a record.</summary>
    /// <exception cref="ReplicaFormatException">There is none.</exception>
    public static ReplicatedMessage ReadMessage(ReplicaReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        var meta = reader.Fixed();
        return new ReplicatedMessage(reader.Bytes(), meta);
    }
}
