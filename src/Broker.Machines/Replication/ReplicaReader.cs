using System.Text;
using Broker.Protocol;

namespace Broker.Machines.Replication;

/// <summary>What another replica has sent cannot be read.</summary>
public sealed class ReplicaFormatException(string message) : Exception(message);

/// <summary>Reads what <see cref="ReplicaWriter"/> has written. Bytes that it gives are slices of what it reads.</summary>
/// <param name="source">One message.</param>
public sealed class ReplicaReader(ReadOnlyMemory<byte> source)
{
    private ReadOnlyMemory<byte> _rest = source;

    /// <summary>Whether everything was read.</summary>
    public bool AtEnd => _rest.IsEmpty;

    /// <summary>A number.</summary>
    /// <param name="max">The highest that it may be.</param>
    /// <exception cref="ReplicaFormatException">It is higher, or not there.</exception>
    public ulong Number(ulong max = Varint.Max)
    {
        if (!Varint.TryRead(_rest.Span, out var value, out var read) || value > max)
        {
            throw new ReplicaFormatException("a message of a replica has a number that is cut off, or too high");
        }

        _rest = _rest[read..];
        return value;
    }

    /// <summary>A number of 64 bits.</summary>
    /// <exception cref="ReplicaFormatException">It is not there.</exception>
    public ulong Fixed() => System.Buffers.Binary.BinaryPrimitives.ReadUInt64BigEndian(Take(8).Span);

    /// <summary>A count of things that take at least some bytes each.</summary>
    /// <exception cref="ReplicaFormatException">There cannot be so many.</exception>
    public int Count(int minBytes = 1) => (int)Number((ulong)(_rest.Length / minBytes));

    /// <summary>Bytes behind their length.</summary>
    /// <exception cref="ReplicaFormatException">There are fewer.</exception>
    public ReadOnlyMemory<byte> Bytes() => Take((int)Number((ulong)_rest.Length));

    /// <summary>A text.</summary>
    /// <exception cref="ReplicaFormatException">It is not there.</exception>
    public string Text() => Encoding.UTF8.GetString(Bytes().Span);

    /// <summary>A number of 128 bits.</summary>
    /// <exception cref="ReplicaFormatException">It is not there.</exception>
    public Guid Identifier() => new(Take(16).Span, bigEndian: true);

    /// <summary>Everything was to be read by now.</summary>
    /// <exception cref="ReplicaFormatException">It was not.</exception>
    public void End()
    {
        if (!AtEnd)
        {
            throw new ReplicaFormatException($"a message of a replica has {_rest.Length} bytes too many");
        }
    }

    private ReadOnlyMemory<byte> Take(int count)
    {
        if (count > _rest.Length)
        {
            throw new ReplicaFormatException("a message of a replica is cut off");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
