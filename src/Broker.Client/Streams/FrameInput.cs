using System.Buffers;
using System.IO.Pipelines;
using Broker.Protocol;

namespace Broker.Client.Streams;

/// <summary>What to do after a frame.</summary>
internal enum FrameVerdict
{
    /// <summary>Go on with the next one.</summary>
    Continue,

    /// <summary>Leave the rest for the next read.</summary>
    Pause,

    /// <summary>The frame cannot be.</summary>
    Fault,
}

/// <summary>Takes the frames of one stream, all but ERROR.</summary>
internal interface IFrameHandler
{
    FrameVerdict OnFrame(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault);
}

/// <summary>Reads the frames of one stream as they are asked for.</summary>
/// <param name="reader">The stream's input.</param>
/// <param name="maxPayload">Longest payload that the server may send, in bytes.</param>
/// <param name="what">The stream's name in exceptions.</param>
internal sealed class FrameInput(PipeReader reader, int maxPayload, string what) : IDisposable
{
    private readonly PartialFrame _partial = new();
    private BrokerStreamException? _error;

    /// <summary>Waits for bytes and gives the frames in them to the handler.</summary>
    /// <param name="handler">Runs on the caller's stack or the transport's continuation.</param>
    /// <param name="gate">Held while the handler runs; <c>null</c> for none.</param>
    /// <param name="waiting">Called before the read has to wait, if it has to.</param>
    /// <param name="cancellationToken">Ends the wait only: nothing that came is lost.</param>
    /// <returns><c>false</c> once the server has ended the stream.</returns>
    /// <exception cref="BrokerStreamException">The server has sent ERROR.</exception>
    /// <exception cref="FrameFaultException">The server has sent what cannot be.</exception>
    public async ValueTask<bool> ReadAsync(IFrameHandler handler, Lock? gate, Action? waiting, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var pending = reader.ReadAsync(CancellationToken.None);
        ReadResult result;
        if (pending.IsCompleted)
        {
            result = await pending.ConfigureAwait(false);
        }
        else
        {
            waiting?.Invoke();

            // Not by the token: some transports end the stream when a read is cancelled.
            using var registration = cancellationToken.UnsafeRegister(static state => ((PipeReader)state!).CancelPendingRead(), reader);
            result = await pending.ConfigureAwait(false);
        }

        if (result.IsCanceled)
        {
            // The next call reports a cancelled token. It may also be the echo of one that was cancelled just after its read had ended.
            reader.AdvanceTo(result.Buffer.Start);
            return true;
        }

        var paused = Handle(result.Buffer, handler, gate, out var consumed, out var fault);
        reader.AdvanceTo(consumed, paused ? consumed : result.Buffer.End);
        if (fault is { } malformed)
        {
            throw new FrameFaultException(malformed);
        }

        if (_error is not null)
        {
            throw _error;
        }

        if (!result.IsCompleted || paused)
        {
            return true;
        }

        if (_partial.IsPending || !result.Buffer.Slice(consumed).IsEmpty)
        {
            throw new FrameFaultException(new FrameFault(ErrorCode.ProtocolViolation, "the stream ended inside a frame"));
        }

        return false;
    }

    /// <summary>Makes a read that waits return <c>true</c> without frames.</summary>
    public void CancelPendingRead() => reader.CancelPendingRead();

    public void Dispose() => _partial.Dispose();

    private bool Handle(in ReadOnlySequence<byte> buffer, IFrameHandler handler, Lock? gate, out SequencePosition consumed, out FrameFault? fault)
    {
        if (gate is null)
        {
            return Handle(buffer, handler, out consumed, out fault);
        }

        lock (gate)
        {
            return Handle(buffer, handler, out consumed, out fault);
        }
    }

    private bool Handle(in ReadOnlySequence<byte> buffer, IFrameHandler handler, out SequencePosition consumed, out FrameFault? fault)
    {
        using var frames = new FrameReader(buffer, maxPayload, _partial);
        fault = null;
        var paused = false;
        while (!paused && fault is null && _error is null)
        {
            var status = frames.TryRead(out var type, out var payload, out var malformed);
            if (status == FrameReadStatus.NeedMore)
            {
                break;
            }

            var verdict = status == FrameReadStatus.Fault ? FrameVerdict.Fault
                : type == FrameType.Error ? OnError(payload, out malformed)
                : handler.OnFrame(type, payload, out malformed);
            paused = verdict == FrameVerdict.Pause;
            fault = verdict == FrameVerdict.Fault ? malformed : null;
        }

        consumed = frames.Consumed;
        return paused;
    }

    private FrameVerdict OnError(ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (!ErrorFrame.TryRead(payload, out var error, out fault))
        {
            return FrameVerdict.Fault;
        }

        _error = new BrokerStreamException(what, error.Code, error.Reason);
        return FrameVerdict.Continue;
    }
}
