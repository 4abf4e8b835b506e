using System.Buffers;
using System.Text.Json.Nodes;

namespace Broker.Protocol.Tests.Codecs;

/// <summary>
/// Decodes a payload; on success adds its fields to <paramref name="fields"/> and writes it again to <paramref name="again"/>, where they are given.
/// </summary>
internal delegate bool DecodePayload(ReadOnlySpan<byte> payload, JsonObject? fields, IBufferWriter<byte>? again, out FrameFault fault);

/// <summary>One decoder with its encoder, under the name that docs/protocol.md and the vectors use.</summary>
/// <param name="Name">Such as <c>PUBLISHER_OPEN</c>.</param>
/// <param name="Decode">The decoder.</param>
/// <param name="Type">The frame type, or <c>null</c> if this is a part of a payload.</param>
internal sealed record FrameCodec(string Name, DecodePayload Decode, FrameType? Type = null)
{
    /// <summary>Whether nodes speak it among themselves; its type is then a <see cref="Broker.Protocol.Links.LinkFrameType"/>.</summary>
    public bool IsOfLinks { get; init; }

    public override string ToString() => Name;

    /// <summary>Finds the payload in a vector's bytes: behind the frame header, or all of them.</summary>
    public ReadOnlySpan<byte> PayloadOf(byte[] bytes)
    {
        if (Type is null)
        {
            return Name.StartsWith("BBQ_", StringComparison.Ordinal) ? bytes.AsSpan(8) : bytes;
        }

        using var reader = new FrameReader(new ReadOnlySequence<byte>(bytes), int.MaxValue);
        Assert.Equal(FrameReadStatus.Frame, reader.TryRead(out var type, out var payload, out _));
        Assert.Equal(Type, type);
        Assert.Equal(bytes.Length, new ReadOnlySequence<byte>(bytes).Slice(0, reader.Consumed).Length);
        return bytes.AsSpan(bytes.Length - payload.Length);
    }
}
