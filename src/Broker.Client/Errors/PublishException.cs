namespace Broker.Client;

/// <summary>A message was not taken by any queue.</summary>
public abstract class PublishException : BrokerException
{
    private protected PublishException(string what, PublishFailure failure, long furtherFailures)
        : base(failure.ErrorCode, failure.Reason, Describe(what, failure.ErrorCode, failure.Reason))
    {
        Sequence = failure.Sequence;
        FurtherFailures = furtherFailures;
    }

    /// <summary>The message's number on its publisher; 0 if it was refused before it was sent.</summary>
    public ulong Sequence { get; }

    /// <summary>From <see cref="Publisher.FlushAsync"/>: how many messages failed besides this one.</summary>
    public long FurtherFailures { get; }

    internal static PublishException From(PublishFailure failure, long furtherFailures = 0) => failure.IsReturned
        ? new PublishReturnedException(failure, furtherFailures)
        : new PublishRejectedException(failure, furtherFailures);
}

/// <summary>A mandatory message found no queue.</summary>
public sealed class PublishReturnedException : PublishException
{
    internal PublishReturnedException(PublishFailure failure, long furtherFailures = 0)
        : base("message returned", failure, furtherFailures)
    {
    }
}

/// <summary>The broker refused a message, for the reason that <see cref="BrokerException.ErrorCode"/> gives.</summary>
public sealed class PublishRejectedException : PublishException
{
    internal PublishRejectedException(PublishFailure failure, long furtherFailures = 0)
        : base("message rejected", failure, furtherFailures)
    {
    }
}
