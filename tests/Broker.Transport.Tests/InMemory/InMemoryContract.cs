using Broker.Transport.Tests.Contract;

namespace Broker.Transport.Tests.InMemory;

public sealed class InMemoryAddress : AddressContract<InMemoryBackend>;

public sealed class InMemoryAlpn : AlpnContract<InMemoryBackend>;

public sealed class InMemoryCancellation : CancellationContract<InMemoryBackend>;

public sealed class InMemoryChurn : ChurnContract<InMemoryBackend>;

public sealed class InMemoryClose : CloseContract<InMemoryBackend>;

public sealed class InMemoryConfiguration : ConfigurationContract<InMemoryBackend>;

public sealed class InMemoryDisposal : DisposalContract<InMemoryBackend>;

public sealed class InMemoryFlowControl : FlowControlContract<InMemoryBackend>;

public sealed class InMemoryHalfClose : HalfCloseContract<InMemoryBackend>;

public sealed class InMemoryIdleTimeout : IdleTimeoutContract<InMemoryBackend>;

public sealed class InMemoryInlineContinuations : InlineContinuationsContract<InMemoryBackend>;

public sealed class InMemoryKeyLog : KeyLogContract<InMemoryBackend>;

public sealed class InMemoryMutualTls : MutualTlsContract<InMemoryBackend>;

public sealed class InMemoryOrderedBytes : OrderedBytesContract<InMemoryBackend>;

public sealed class InMemoryPendingOperations : PendingOperationsContract<InMemoryBackend>;

public sealed class InMemoryPipe : PipeContract<InMemoryBackend>;

public sealed class InMemoryReset : ResetContract<InMemoryBackend>;

public sealed class InMemoryStatistics : StatisticsContract<InMemoryBackend>;

public sealed class InMemoryStopSending : StopSendingContract<InMemoryBackend>;

public sealed class InMemoryStreamLimit : StreamLimitContract<InMemoryBackend>;

public sealed class InMemoryUpdateTls : UpdateTlsContract<InMemoryBackend>;
