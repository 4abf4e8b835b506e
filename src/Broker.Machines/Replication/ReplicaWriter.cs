using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Broker.Protocol;

namespace Broker.Machines.Replication;

/// <summary>Writes what replicas send each other.</summary>
/// <param name="capacity">Bytes that are expected.</param>
public sealed class ReplicaWriter(int capacity = 256)
{
    private readonly ArrayBufferWriter<byte> _output = new(capacity);

    /// <summary>Bytes written.</summary>
    public int Length => _output.WrittenCount;

    /// <summary>What was written. Nothing may be written any more.</summary>
    public ReadOnlyMemory<byte> Written => _output.WrittenMemory;

    /// <summary>A number below 2^62.</summary>
    public void Number(ulong value) => _output.Advance(Varint.Write(_output.GetSpan(Varint.MaxSize), value));

    /// <summary>A number of 64 bits.</summary>
    public void Fixed(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_output.GetSpan(8), value);
        _output.Advance(8);
    }

    /// <summary>Bytes behind their length.</summary>
    public void Bytes(ReadOnlySpan<byte> bytes)
    {
        Number((ulong)bytes.Length);
        _output.Write(bytes);
    }

    /// <summary>A byte as it is.</summary>
    public void Raw(byte value) => Raw([value]);

    /// <summary>Bytes as they are.</summary>
    public void Raw(ReadOnlySpan<byte> bytes) => _output.Write(bytes);

    /// <summary>A text.</summary>
    public void Text(string value) => Bytes(Encoding.UTF8.GetBytes(value));

    /// <summary>A number of 128 bits.</summary>
    public void Identifier(Guid value)
    {
        value.TryWriteBytes(_output.GetSpan(16), bigEndian: true, out _);
        _output.Advance(16);
    }
}
