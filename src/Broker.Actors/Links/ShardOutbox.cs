using System.Buffers;
using Broker.Machines;
using Broker.Protocol.Links;

namespace Broker.Actors.Links;

/// <summary>Messages that wait here while QUIC's flow control holds the stream up.</summary>
internal sealed class ShardOutbox(int roomBytes)
{
    /// <summary>What is written before a flush. It is small beside the transport's buffer, so that what waits, waits here.</summary>
    private const int FlushBytes = 64 << 10;

    private readonly Queue<Send> _queue = new();
    private int _room = roomBytes;
    private int _unflushed;

    /// <summary>By <see cref="ShardSender"/>: bytes of a shard's log, or something for a queue.</summary>
    public sealed record Send(ReadOnlyMemory<byte> Message, RouteMessage? Route, int Cost);

    public bool IsEmpty => _queue.Count == 0;

    public void Add(Send send)
    {
        Invariant.That(_room > 0, "a message was sent to a shard without room for it");
        _room -= send.Cost;
        _queue.Enqueue(send);
    }

    /// <summary>Writes what fits before a flush.</summary>
    /// <returns>Whether there was something.</returns>
    public bool WriteTo(IBufferWriter<byte> output)
    {
        var wrote = false;
        while (_unflushed < FlushBytes && _queue.TryDequeue(out var send))
        {
            if (send.Route is { } route)
            {
                route.Write(output);
            }
            else
            {
                ShardMessageFrame.Write(output, send.Message.Span);
            }

            _unflushed += send.Cost;
            wrote = true;
        }

        return wrote;
    }

    /// <summary>The transport has taken what was written.</summary>
    /// <returns>The room that came back with it.</returns>
    public int HandleFlushed()
    {
        var flushed = _unflushed;
        _room += flushed;
        _unflushed = 0;
        return flushed;
    }
}
