using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Broker.Protocol;
using Broker.Transport;

namespace Broker.Client.Tests.Scripted;

/// <summary>The server's end of one stream, played by the test.</summary>
internal sealed class PeerStream(IQuicStream stream, StreamKind kind)
{
    private const int MaxPayload = 64 << 20;
    private readonly Queue<PeerFrame> _frames = new();
    private readonly PartialFrame _partial = new();

    public StreamKind Kind => kind;

    public IQuicStream Quic => stream;

    /// <summary>The next frame, or <c>null</c> at the client's FIN.</summary>
    public Task<PeerFrame?> TryReadAsync() => TryReadAsync(static (read, what) => Within.TimeAsync(read, what));

    /// <summary>The same for a stream of which nobody knows when something comes.</summary>
    public Task<PeerFrame?> WaitAsync() => TryReadAsync(static (read, _) => read);

    private async Task<PeerFrame?> TryReadAsync(Func<Task<ReadResult>, string, Task<ReadResult>> wait)
    {
        while (_frames.Count == 0)
        {
            var result = await wait(stream.Input.ReadAsync().AsTask(), $"a frame of the client on a {kind} stream");
            stream.Input.AdvanceTo(Take(result.Buffer), result.Buffer.End);
            if (_frames.Count == 0 && result.IsCompleted)
            {
                return null;
            }
        }

        return _frames.Dequeue();
    }

    public async Task<PeerFrame> ReadAsync() => await TryReadAsync() ?? throw new InvalidOperationException($"the client ended the {kind} stream");

    public async Task<T> ReadAsync<T>(FrameType type, PeerFrame.TryRead<T> read) => (await ReadAsync()).As(type, read);

    /// <summary>Reads so many PUBLISH frames and returns their sequences.</summary>
    public async Task<List<ulong>> ReadPublishesAsync(int count)
    {
        var sequences = new List<ulong>();
        while (sequences.Count < count)
        {
            sequences.Add((await ReadAsync()).AsPublish().Sequence);
        }

        return sequences;
    }

    /// <summary>Whether the client has sent nothing that was not read.</summary>
    public bool HasNoMore()
    {
        if (_frames.Count == 0 && stream.Input.TryRead(out var result))
        {
            stream.Input.AdvanceTo(Take(result.Buffer), result.Buffer.End);
        }

        return _frames.Count == 0;
    }

    public async Task SendAsync(params Action<IBufferWriter<byte>>[] frames)
    {
        foreach (var frame in frames)
        {
            frame(stream.Output);
        }

        await stream.Output.FlushAsync();
    }

    public Task ConfirmAsync(params SequenceRange[] ranges) => SendAsync(writer => ConfirmFrame.Write(writer, ranges));

    public Task SettledAsync(params SequenceRange[] ranges) => SendAsync(writer => SettledFrame.Write(writer, ranges));

    public Task DeliverAsync(ulong tag, string body, DeliverFlags flags = DeliverFlags.None) => DeliverAsync(tag, Encoding.UTF8.GetBytes(body), flags);

    public Task DeliverAsync(ulong tag, byte[] body, DeliverFlags flags = DeliverFlags.None) =>
        SendAsync(writer => DeliverFrame.Write(writer, tag, flags, flags.HasFlag(DeliverFlags.Redelivered) ? 1u : 0, Message(body)));

    /// <summary>Delivers a message with properties.</summary>
    public Task DeliverAsync(ulong tag, string body, MessageProperties properties) =>
        SendAsync(writer => DeliverFrame.Write(writer, tag, DeliverFlags.None, 0, Message(Encoding.UTF8.GetBytes(body), properties)));

    /// <summary>ERROR and FIN, as a server ends a stream.</summary>
    public async Task FailAsync(ErrorCode code, string reason)
    {
        await SendAsync(new ErrorFrame(code, reason).Write);
        await EndAsync();
        stream.StopSending((long)code);
    }

    public async Task EndAsync() => await stream.Output.CompleteAsync();

    public static byte[] Message(byte[] body, MessageProperties? properties = null)
    {
        var writer = new ArrayBufferWriter<byte>();
        MessageWriter.Write(writer, "", "orders", properties, body);
        return writer.WrittenSpan.ToArray();
    }

    private SequencePosition Take(in ReadOnlySequence<byte> buffer)
    {
        using var reader = new FrameReader(buffer, MaxPayload, _partial);
        FrameReadStatus status;
        while ((status = reader.TryRead(out var type, out var payload, out var fault)) != FrameReadStatus.NeedMore)
        {
            Assert.True(status == FrameReadStatus.Frame, fault.Reason);
            _frames.Enqueue(new PeerFrame(type, payload.ToArray()));
        }

        return reader.Consumed;
    }
}
