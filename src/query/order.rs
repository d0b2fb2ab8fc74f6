//! One order of rows: what comes in several streams is computed side by side and read one stream after the other.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties as _, Partitioning, PlanProperties,
    replace_children_if_necessary,
};

/// Batches of a stream that wait to be read.
const AHEAD: usize = 4;

/// Makes one stream of several where rows begin to depend on each other, before the optimizer would merge them as they come. A sum
/// of floating-point numbers depends on their order, and so would the bytes of a report: on which half of a `UNION ALL`, or of a
/// table, was read first. What looks at one row at a time is done side by side.
#[derive(Debug)]
pub(super) struct OneOrder {
    /// So many streams are computed at once.
    pub(super) threads: usize,
}

/// The rule of the optimizer before which this one has to come: it merges, sorts and distributes.
const MERGES: &str = "EnsureRequirements";

impl OneOrder {
    /// All rules, with this one in its place.
    pub(super) fn among(
        self,
        mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
    ) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
        let place = rules.iter().position(|rule| rule.name() == MERGES).unwrap_or(0);
        rules.insert(place, Arc::new(self));
        rules
    }
}

impl PhysicalOptimizerRule for OneOrder {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan
            .transform_up(|node| {
                let mut changed = false;
                let children: Vec<_> = node
                    .children()
                    .into_iter()
                    .enumerate()
                    .map(|(side, child)| {
                        let together = is_several(child) && !may_be_several(&node, side);
                        changed |= together;
                        if together {
                            InOrder::over(child, self.threads)
                        } else {
                            Arc::clone(child)
                        }
                    })
                    .collect();
                Ok(if changed {
                    Transformed::yes(replace_children_if_necessary(node, children)?)
                } else {
                    Transformed::no(node)
                })
            })
            .data()?;
        Ok(if is_several(&plan) {
            InOrder::over(&plan, self.threads)
        } else {
            plan
        })
    }

    fn name(&self) -> &'static str {
        "one_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn is_several(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.output_partitioning().partition_count() > 1
}

/// Whether an operator gives the same rows in the same order where this input of it comes in several streams, one after the other.
fn may_be_several(node: &Arc<dyn ExecutionPlan>, side: usize) -> bool {
    if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        // Rows that find no partner are told by whichever stream ends last, where they are told of the side that is held.
        let of_its_own = matches!(
            join.join_type(),
            JoinType::Inner | JoinType::Right | JoinType::RightSemi | JoinType::RightAnti
        );
        return side == 1 && of_its_own && *join.partition_mode() == PartitionMode::CollectLeft;
    }
    if let Some(filter) = node.downcast_ref::<FilterExec>() {
        return filter.fetch().is_none();
    }
    node.is::<ProjectionExec>() || node.is::<UnionExec>() || node.is::<InOrder>()
}

/// The partitions of `input`, the first to its end, then the second, and so on; those that come next are computed meanwhile.
#[derive(Debug)]
struct InOrder {
    input: Arc<dyn ExecutionPlan>,
    at_once: usize,
    properties: Arc<PlanProperties>,
}

impl InOrder {
    fn over(input: &Arc<dyn ExecutionPlan>, at_once: usize) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self::new(Arc::clone(input), at_once))
    }

    fn new(input: Arc<dyn ExecutionPlan>, at_once: usize) -> Self {
        // Each partition may be sorted; one after the other they are not.
        let mut equivalences = input.equivalence_properties().clone();
        equivalences.clear_orderings();
        equivalences.clear_per_partition_constants();
        let properties = PlanProperties::new(
            equivalences,
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Self {
            input,
            at_once,
            properties: Arc::new(properties),
        }
    }

    /// One partition, computed on a thread of its own as far as its buffer goes.
    fn ahead(&self, partition: usize, context: &Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStream::builder(self.schema(), AHEAD);
        let (rows, input, context) = (stream.tx(), Arc::clone(&self.input), Arc::clone(context));
        stream.spawn(async move {
            let mut stream = input.execute(partition, context)?;
            while let Some(batch) = std::future::poll_fn(|waker| stream.as_mut().poll_next(waker)).await {
                if rows.send(batch).await.is_err() {
                    // Nobody reads on: a limit was reached, or the query was given up.
                    return Ok(());
                }
            }
            Ok(())
        });
        stream.build()
    }
}

impl DisplayAs for InOrder {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InOrder")
    }
}

impl ExecutionPlan for InOrder {
    fn name(&self) -> &'static str {
        "InOrder"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(children.swap_remove(0), self.at_once)))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let count = self.input.output_partitioning().partition_count();
        let this = Self::new(Arc::clone(&self.input), self.at_once);
        let mut one = RecordBatchReceiverStream::builder(self.schema(), 1);
        let rows = one.tx();
        one.spawn(async move {
            let mut next = 0..count;
            let mut begun: VecDeque<_> = next
                .by_ref()
                .take(this.at_once.max(1))
                .map(|at| this.ahead(at, &context))
                .collect();
            while let Some(mut stream) = begun.pop_front() {
                while let Some(batch) = std::future::poll_fn(|waker| stream.as_mut().poll_next(waker)).await {
                    if rows.send(batch).await.is_err() {
                        return Ok(());
                    }
                }
                begun.extend(next.next().map(|at| this.ahead(at, &context)));
            }
            Ok(())
        });
        Ok(one.build())
    }

    fn child_stats_requests(&self, _: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(None)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&inputs[0]))
    }
}
