namespace Broker.Client.Telemetry;

/// <summary>Outcomes of messages, gathered under a publisher's gate and reported after it, because whoever listens runs code of its own. Mutable.</summary>
internal struct PublishOutcomes
{
    private long _confirmed;
    private List<PublishFailure>? _failures;
    private List<(PublishObservation Observation, PublishFailure? Failure)>? _observations;

    public void AddConfirmed(PublishObservation? observation)
    {
        _confirmed++;
        Add(observation, null);
    }

    public void AddFailure(in PublishFailure failure, PublishObservation? observation)
    {
        (_failures ??= []).Add(failure);
        Add(observation, failure);
    }

    /// <summary>What became of it is unknown, and stays so.</summary>
    public void AddUnknown(BrokerException reason, PublishObservation? observation) =>
        Add(observation, new PublishFailure(0, false, reason.ErrorCode, reason.Message));

    /// <summary>Outside of the gate.</summary>
    public readonly void Report()
    {
        ClientMetrics.Outcomes(_confirmed, _failures);
        foreach (var (observation, failure) in _observations ?? [])
        {
            if (failure is { } failed)
            {
                observation.End(failed);
            }
            else
            {
                observation.End();
            }
        }
    }

    private void Add(PublishObservation? observation, PublishFailure? failure)
    {
        if (observation is not null)
        {
            (_observations ??= []).Add((observation, failure));
        }
    }
}
