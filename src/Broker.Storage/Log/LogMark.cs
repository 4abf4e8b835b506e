using System.Buffers.Binary;
using Broker.Storage.Records;

namespace Broker.Storage.Log;

/// <summary>How far an entity was.</summary>
/// <param name="Entity">Its number.</param>
/// <param name="Index">Its last record.</param>
/// <param name="NextPosition">Position after the last message that it had taken in; 0 if its records bring none.</param>
internal readonly record struct EntityTail(ulong Entity, ulong Index, ulong NextPosition);

/// <summary>
/// The record that a log writes when it has come to rest: everything before it is on the disk, and this is how far each entity was that has written since the
/// mark before. Without it, damage to an entity's last record could not be told from a record that never was.
/// </summary>
internal sealed class LogMark : LogRecord
{
    private const int EntryBytes = 24;

    public static LogMark Of(LogClient client, ulong index, IReadOnlyCollection<EntityTail> tails)
    {
        var operations = new byte[tails.Count * EntryBytes];
        var rest = operations.AsSpan();
        foreach (var tail in tails.OrderBy(t => t.Entity))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(rest, tail.Entity);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[8..], tail.Index);
            BinaryPrimitives.WriteUInt64LittleEndian(rest[16..], tail.NextPosition);
            rest = rest[EntryBytes..];
        }

        return new LogMark { Client = client, Kind = RecordKind.Mark, Entity = 0, Index = index, Operations = operations };
    }

    /// <summary>The tails in a mark's operations.</summary>
    public static IEnumerable<EntityTail> Tails(ReadOnlyMemory<byte> operations)
    {
        for (; operations.Length >= EntryBytes; operations = operations[EntryBytes..])
        {
            yield return new EntityTail(
                BinaryPrimitives.ReadUInt64LittleEndian(operations.Span),
                BinaryPrimitives.ReadUInt64LittleEndian(operations.Span[8..]),
                BinaryPrimitives.ReadUInt64LittleEndian(operations.Span[16..]));
        }
    }
}
