using Broker.Protocol;

namespace Broker.Client.Requests;

/// <summary>A request that waits for its answer.</summary>
/// <param name="operation">What was asked for, for exceptions.</param>
internal abstract class PendingRequest(string operation)
{
    /// <summary>The number that the answer must carry.</summary>
    public ulong Id { get; set; }

    protected string Operation { get; } = operation;

    /// <summary>Takes the answer. <c>false</c> with a fault if it cannot be one.</summary>
    public bool OnAnswer(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (type != FrameType.RequestError)
        {
            return OnResult(type, payload, out fault);
        }

        if (!RequestErrorFrame.TryRead(payload, out var error, out fault) || !IsMine(error.RequestId, out fault))
        {
            return false;
        }

        Fail(new BrokerRequestException(Operation, error.Code, error.Reason));
        return true;
    }

    public abstract void Fail(Exception reason);

    protected abstract bool OnResult(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault);

    protected bool IsMine(ulong requestId, out FrameFault fault)
    {
        fault = requestId == Id
            ? default
            : new FrameFault(ErrorCode.ProtocolViolation, $"an answer to request {requestId} came in place of that to {Id}");
        return requestId == Id;
    }

    protected bool NotAnAnswer(FrameType type, out FrameFault fault)
    {
        fault = new FrameFault(ErrorCode.ProtocolViolation, $"frame type 0x{(ulong)type:x} is no answer to '{Operation}'");
        return false;
    }
}

/// <summary>A request with a result.</summary>
internal abstract class PendingRequest<T>(string operation) : PendingRequest(operation)
{
    private readonly TaskCompletionSource<T> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<T> Result => _result.Task;

    public override void Fail(Exception reason)
    {
        _result.TrySetException(reason);

        // Whoever asked may have been cancelled and gone.
        _ = _result.Task.Exception;
    }

    protected void Complete(T result) => _result.TrySetResult(result);
}

/// <summary>Answered with OK.</summary>
internal sealed class OkRequest(string operation) : PendingRequest<bool>(operation)
{
    protected override bool OnResult(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (type != FrameType.Ok)
        {
            return NotAnAnswer(type, out fault);
        }

        if (!OkFrame.TryRead(payload, out var ok, out fault) || !IsMine(ok.RequestId, out fault))
        {
            return false;
        }

        Complete(true);
        return true;
    }
}

/// <summary>Answered with QUEUE_OK.</summary>
internal sealed class QueueRequest(string operation) : PendingRequest<QueueInfo>(operation)
{
    protected override bool OnResult(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (type != FrameType.QueueOk)
        {
            return NotAnAnswer(type, out fault);
        }

        if (!QueueOkFrame.TryRead(payload, out var queue, out fault) || !IsMine(queue.RequestId, out fault))
        {
            return false;
        }

        Complete(new QueueInfo(queue.Name, (long)queue.Messages, (long)queue.Consumers, queue.Leader));
        return true;
    }
}

/// <summary>Answered with COUNT_OK.</summary>
internal sealed class CountRequest(string operation) : PendingRequest<long>(operation)
{
    protected override bool OnResult(FrameType type, ReadOnlySpan<byte> payload, out FrameFault fault)
    {
        if (type != FrameType.CountOk)
        {
            return NotAnAnswer(type, out fault);
        }

        if (!CountOkFrame.TryRead(payload, out var count, out fault) || !IsMine(count.RequestId, out fault))
        {
            return false;
        }

        Complete((long)count.Count);
        return true;
    }
}
